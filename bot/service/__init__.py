"""The imperative shell: load, decide, save, then act. It words nothing and knows neither Slack nor a cloud."""
