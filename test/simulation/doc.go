// Package simulation runs several replicas against a world in which everything
// fails, thousands of times, each from one number.
//
// Its one rule: the lease keeper, the dispatcher with its lanes, the ledger and
// the clock are the real ones; what is simulated is only what is between them
// and beyond them: the database, the network, the chats, and the machines that
// stop, stand still and come back.
//
// All that happens by chance is drawn from the seed, the name of the replica,
// what it does and how often it did so before, so that no draw depends on which
// goroutine came first. SHIPBELL_SEED=n tells one seed as a story, SHIPBELL_SEEDS=n
// runs that many. Not replayable is the order of what happens in the very same
// nanosecond of the simulated time. Delays have random nanoseconds, so that this
// is rare.
//
// Not simulated: two replicas whose own clocks differ. The parts under test take
// no time from the wall but the database's, which here is minutes away from it
// and runs faster or slower than theirs; the leases only depend on that. Nor does
// the database's clock ever jump.
package simulation
