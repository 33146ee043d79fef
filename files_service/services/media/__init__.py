"""Pictures, clips and sound: what their files tell, and previews made of them in a sandboxed subprocess."""
