"""What readers of text share: whole lines, delimited rows, prefixes of logging systems, times, and the order of files."""
