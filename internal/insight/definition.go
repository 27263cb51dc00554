package insight

// Definition says what a number means, and what cannot be known of it. The page, the
// API and docs/insights.md say it in these words.
type Definition struct {
	Name    string `json:"name"`
	Meaning string `json:"meaning"`
	Unknown string `json:"unknown"`
}

// Definitions returns those of all numbers, in the order in which people should read
// them.
func Definitions() []Definition {
	return []Definition{
		{
			Name: "Window",
			Meaning: "The last 7, 30 or 90 days in UTC, today included. A deployment belongs to the day on which it started. " +
				"Only production counts, unless another environment is named.",
			Unknown: "What happened before Shipbell looked: in its first days a window is emptier than what it stands for.",
		},
		{
			Name: "Deployments",
			Meaning: "Those that finished: successes, failures and those that were canceled. " +
				"Those that were skipped on purpose are in no number.",
			Unknown: "How a deployment ended that a push announced and of which nothing else was heard. It is counted as without outcome, and in no other number.",
		},
		{
			Name: "Deployment frequency",
			Meaning: "Successes by the days of the window. DORA's deployment frequency asks how often changes reach production; " +
				"here a rollback and the same commit once more count too.",
			Unknown: "Deployments that neither told Shipbell nor were seen by asking Cloudflare.",
		},
		{
			Name: "Lead time for changes",
			Meaning: "From the commit to the success that brought it: the median, and what nine of ten do not exceed. " +
				"DORA's lead time for changes looks at every commit of a deployment; here it is the newest one alone, by its committer date, which a rebase or a squash makes anew.",
			Unknown: "When a commit was made that neither shipbell notify nor shipbell exec told of; of how many it is known stands beside the number. " +
				"One that is dated after its deployment ended counts as not known.",
		},
		{
			Name: "Change failure rate",
			Meaning: "Failures by failures and successes together. DORA's change failure rate counts the changes that hurt production; " +
				"here a failure is a deployment that did not go out.",
			Unknown: "Incidents that are not deployments: a deployment that went out and broke something is a success here.",
		},
		{
			Name: "Recovery time",
			Meaning: "From the end of the first failure to the end of the next success of the same project and environment that started later: the median of those that recovered in the window, " +
				"and how many that failed in it have not recovered yet. DORA's failed deployment recovery time counts until production is well again.",
			Unknown: "Whether anybody suffered meanwhile: after a failed deployment the version before it usually stays live. " +
				"A first failure from before the window before this one is not seen.",
		},
		{
			Name: "Duration",
			Meaning: "How long successes took from their start to their outcome: the median, what nine of ten do not exceed, " +
				"and the median of the window before this one. It is none of DORA's four.",
			Unknown: "How long a deployment took of which only the start or only the end was told; of how many it is known stands beside the number.",
		},
	}
}
