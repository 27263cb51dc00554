package insight

// Definition says what a figure means. Its texts are for people, in whole
// sentences.
type Definition struct {
	ID   string // stable: a page points at it
	Name string
	// Meaning is how it is counted.
	Meaning string
	// Differs is how that is not what DORA means by the name; empty where it is
	// none of their measures.
	Differs string
	// Unknown is what cannot be known, and so is not in the figure.
	Unknown string
}

// The ids of the definitions.
const (
	DefDays        = "days"
	DefDeployments = "deployments"
	DefFrequency   = "deployment-frequency"
	DefLeadTime    = "change-lead-time"
	DefFailureRate = "change-failure-rate"
	DefRecovery    = "recovery-time"
	DefDuration    = "duration"
)

// Definitions returns what the figures mean, in the order in which people should
// read them.
func Definitions() []Definition {
	return []Definition{
		{
			ID: DefDays, Name: "Days",
			Meaning: "The last 7, 30 or 90 days in UTC, today as far as it has come. A deployment counts on the day on which it started. " +
				"Production counts, unless another environment is chosen.",
			Unknown: "What happened before Shipbell looked for the first time, and what was deleted because it was too old.",
		},
		{
			ID: DefDeployments, Name: "Deployments",
			Meaning: "What came to an end: successes, failures and canceled deployments. What was skipped, and what has no outcome, is counted apart. " +
				"A rollback, a rollout to more of the traffic, and the same commit again each count as a deployment.",
			Unknown: "A push that only announces has no outcome where nothing else tells of the deployment, though it may have been live for long. " +
				"So has a deployment for which production did not move.",
		},
		{
			ID: DefFrequency, Name: "Deployment frequency",
			Meaning: "Successes per day.",
			Differs: "DORA counts changes that reach users. A rollback, a rollout and the same commit again count here too.",
			Unknown: "Deployments that nobody pushed and that Cloudflare's API was not asked about. The days before the first deployment that is known count as days without one.",
		},
		{
			ID: DefLeadTime, Name: "Change lead time",
			Meaning: "From the time of the commit until it was first live: the median, and the 90th percentile. " +
				"A commit that goes live again, by a rollback or a second run, does not count again.",
			Differs: "DORA counts every change. Of a deployment with several commits only the newest counts here, which makes the time shorter.",
			Unknown: "The time of a commit is known where shipbell notify, shipbell exec or a push with commitTime told it; Cloudflare does not tell it. " +
				"It is the committer's: after a rebase or a squash it is the time of that, not of the first work. " +
				"A commit that was live more than twice as many days ago, and goes live again, counts as new.",
		},
		{
			ID: DefFailureRate, Name: "Change failure rate",
			Meaning: "Failures, as a part of failures and successes together. Canceled ones take no part.",
			Differs: "DORA counts deployments after which people had to step in. Here a failure is a deployment that did not go live.",
			Unknown: "Whether what went live worked. An incident is no deployment; the rollback after it is one, and counts as a success.",
		},
		{
			ID: DefRecovery, Name: "Failed deployment recovery time",
			Meaning: "From the end of the first failure to the end of the success that started next, in the same project and environment: the median of those that ended in these days. " +
				"A rollback is a success too. What has failed in these days and has had no success since is counted apart, as not recovered yet.",
			Differs: "DORA measures until users are served again. Here they mostly were all the time, by the version before; it is how long nothing new could go live.",
			Unknown: "Incidents that are not deployments, and failures that nobody had to mend. What began more than twice as many days ago is measured from there.",
		},
		{
			ID: DefDuration, Name: "Duration",
			Meaning: "From the first that is heard of a deployment to its success: the median, and the 90th percentile. " +
				"The trend compares the median with that of as many days before, where each has at least three.",
			Unknown: "How long a deployment took of which nothing was heard until it was live, such as an upload that Cloudflare's API alone tells of.",
		},
	}
}
