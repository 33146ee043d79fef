"""Blob stores, one module or package each; opened by URL through ``storage_adapters.registry``."""
