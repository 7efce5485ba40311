"""Where usage comes from. One small protocol (`base.Source`), one file a source."""
