"""Does a budget last with the questions that gain most? Replayed days against first come and against hindsight."""
