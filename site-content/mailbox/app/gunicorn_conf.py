"""How gunicorn runs the mailbox; the root file system is read-only."""

bind = "0.0.0.0:8080"
workers = 1
worker_class = "gthread"
threads = 4
# Heartbeat files must be writable: /tmp is the only place besides the data.
worker_tmp_dir = "/tmp"
graceful_timeout = 10
timeout = 30
keepalive = 5
accesslog = None
errorlog = "-"
loglevel = "info"
