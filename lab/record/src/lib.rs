//! What happened in a run, as data, and what follows from it. It starts nothing and reads no clock.
