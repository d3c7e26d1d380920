//! Which loop is running on this thread.
