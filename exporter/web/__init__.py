"""What is served over HTTP. The only asynchronous code."""
