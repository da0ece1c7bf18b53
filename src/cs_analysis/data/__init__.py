"""Tables in: the contract, reading, checking, the calendar and the simulator."""
