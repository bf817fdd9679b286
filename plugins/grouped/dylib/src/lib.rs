//! The `grouped` plugin as a file that the host loads: the same ops and manifest as the built-in.
isoscope_plugin_sdk::export_declared!(isoscope_grouped);
