-- Lets go of what a bill holds. ARGV[1]: its id.

release(ARGV[1])
