//! The gate over HTTP: routes, authentication, problems, metrics.
