"""The clouds. One module or package per cloud, one line each in ``providers.registry``."""
