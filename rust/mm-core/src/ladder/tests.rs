//! Rooms and sizes at hand-checked points.
