//! Printing that cannot end anything: whoever reads may have gone (`rundown run … | head`), and a run goes on all the same.
//!
//! Lives here: `tell!` and `telln!`, for standard output, and `warnln!`, for standard error. Never lives here: what is
//! printed.

/// Prints to standard output, without a line end. That nobody reads it is no fault.
macro_rules! tell {
    ($($text:tt)*) => {{
        use std::io::Write as _;
        let _ = write!(std::io::stdout(), $($text)*);
    }};
}

/// Prints a line to standard output. That nobody reads it is no fault.
macro_rules! telln {
    ($($text:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stdout(), $($text)*);
    }};
}

/// Prints a line to standard error. That nobody reads it is no fault.
macro_rules! warnln {
    ($($text:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stderr(), $($text)*);
    }};
}

pub(super) use {tell, telln, warnln};
