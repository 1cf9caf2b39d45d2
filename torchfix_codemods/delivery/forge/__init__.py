"""GitHub's API: the transport, the requests that we make, and what its refusals mean."""
