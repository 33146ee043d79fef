"""The tus 1.0.0 door: ``protocol`` reads and writes headers, ``door`` answers requests."""
