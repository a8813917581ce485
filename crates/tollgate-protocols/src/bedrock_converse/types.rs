//! Words and limits of AWS Bedrock Converse.
