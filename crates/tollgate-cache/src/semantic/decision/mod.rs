//! Whether a stored answer may be served, learned from labels, with a bound on the rate of errors.
