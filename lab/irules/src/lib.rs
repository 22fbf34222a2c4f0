//! iRules off the appliance: an interpreter for the Tcl subset that F5's TMM runs. It opens no socket.
