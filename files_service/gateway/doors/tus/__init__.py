"""The tus 1.0.0 door: ``door`` answers requests, whose headers ``gateway/transfer/tus_headers`` reads and writes."""
