"""RQ entry points: parse ids, call one service function, return a small dict."""
