"""An independent watcher: re-derives posted leaves from the chain, judges them, and challenges the wrong ones."""
