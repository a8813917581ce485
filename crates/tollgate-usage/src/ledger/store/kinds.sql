ALTER TABLE usage_records ADD COLUMN cache_creation_1h_tokens BIGINT;
ALTER TABLE usage_records ADD COLUMN image_input_tokens BIGINT;
ALTER TABLE usage_records ADD COLUMN image_output_tokens BIGINT;
ALTER TABLE usage_records ADD COLUMN images BIGINT;
ALTER TABLE usage_records ADD COLUMN searches BIGINT;
