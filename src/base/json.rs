//! JSON as text: validated, measured in depth and cut into slices, never made
//! into a tree.
