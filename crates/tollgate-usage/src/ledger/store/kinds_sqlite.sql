ALTER TABLE usage_records ADD COLUMN cache_creation_1h_tokens INTEGER;
ALTER TABLE usage_records ADD COLUMN image_input_tokens INTEGER;
ALTER TABLE usage_records ADD COLUMN image_output_tokens INTEGER;
ALTER TABLE usage_records ADD COLUMN images INTEGER;
ALTER TABLE usage_records ADD COLUMN searches INTEGER;
