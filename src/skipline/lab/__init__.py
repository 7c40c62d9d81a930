"""The lab: one page on this machine that shows what depth does, while somebody changes it."""
