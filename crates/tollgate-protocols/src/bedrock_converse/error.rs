//! Errors of AWS Bedrock Converse.
