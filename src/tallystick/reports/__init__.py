"""What the commands that write reports share: the page's frame, charts, folders, files, and how bad input is told."""
