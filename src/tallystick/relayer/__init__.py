"""The relayer: takes receipts and verdicts in, posts batches, settles them when their window has passed."""
