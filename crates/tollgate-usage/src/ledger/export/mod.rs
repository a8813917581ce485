//! Records as files for spreadsheets, scripts and data warehouses.
