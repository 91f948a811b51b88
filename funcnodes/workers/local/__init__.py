"""Workers on this machine as the command line reaches them: by their folders, without a manager."""
