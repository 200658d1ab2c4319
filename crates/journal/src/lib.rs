//! Where envelopes become durable, and how they become a published log.
