"""From files in folders to labelled images."""
