memcheck_cases() { :; }
