CONSUMER = "timescale"  # the name under which the projector keeps its place in the journal
