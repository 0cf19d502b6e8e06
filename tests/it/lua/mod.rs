//! Every reply of every script, on a real Redis in one-node cluster mode, with undeclared keys refused.

mod line;
