package wire

import (
	"time"

	"github.com/shipbell/shipbell"
)

// Insights says how deployments went: in the days up to today, in as many days
// before them, and day by day. A deployment belongs to the day, in UTC, on which it
// started.
type Insights struct {
	// Type is that of the projects; absent for all.
	Type shipbell.ProjectType `json:"type,omitempty"`
	// Project is the one that was asked for; absent for all.
	Project string `json:"project,omitempty"`
	// Environment is the one that counts.
	Environment string `json:"environment"`
	// Days is the length of the window.
	Days int `json:"days"`
	// Since is the start of the first day.
	Since time.Time `json:"since"`
	// At is when the ledger was read.
	At time.Time `json:"at"`
	// Total is that of all projects.
	Total Course `json:"total"`
	// Projects are those with the most deployments.
	Projects []InsightsRow `json:"projects"`
	// MoreProjects is how many projects stand in the total alone.
	MoreProjects int `json:"moreProjects"`
	// Definitions say what each figure means, and what it cannot know.
	Definitions []Definition `json:"definitions"`
}

// InsightsRow is one project.
type InsightsRow struct {
	// Type is that of the project.
	Type shipbell.ProjectType `json:"type"`
	// Project is its name.
	Project string `json:"project"`
	// Environment is the one that counts.
	Environment string `json:"environment"`
	Course
}

// Course is how deployments went.
type Course struct {
	// Now are the figures of the window.
	Now Figures `json:"now"`
	// Before are those of as many days before it.
	Before Figures `json:"before"`
	// Series has each day of the window, the oldest first.
	Series []Day `json:"series"`
}

// Figures are what the definitions define. What nothing is known of is null.
type Figures struct {
	// Deployments are the successes, the failures and those that were canceled.
	Deployments int `json:"deployments"`
	// Successes are those that went live.
	Successes int `json:"successes"`
	// Failures are those that did not.
	Failures int `json:"failures"`
	// Canceled are those that were stopped.
	Canceled int `json:"canceled"`
	// Skipped are those that were not to happen.
	Skipped int `json:"skipped"`
	// WithoutOutcome are those of which no end is known.
	WithoutOutcome int `json:"withoutOutcome"`
	// DeploymentsPerDay is the deployment frequency.
	DeploymentsPerDay float64 `json:"deploymentsPerDay"`
	// LeadTime is the change lead time.
	LeadTime Spread `json:"leadTime"`
	// ChangeFailureRate is from 0 to 1.
	ChangeFailureRate *float64 `json:"changeFailureRate"`
	// RecoveryTime is how long projects were without a success after a failure.
	RecoveryTime Recovery `json:"recoveryTime"`
	// Duration is how long deployments that went live took.
	Duration Spread `json:"duration"`
}

// Spread is how long something took.
type Spread struct {
	// MedianSeconds is the median of what is known.
	MedianSeconds *float64 `json:"medianSeconds"`
	// P90Seconds is the 90th percentile.
	P90Seconds *float64 `json:"p90Seconds"`
	// Count is of how many values median and percentile are: of the lead times, one for
	// each commit.
	Count int `json:"count"`
	// Known is of how many it is known.
	Known int `json:"known"`
	// Of is of how many it could be.
	Of int `json:"of"`
}

// Recovery is how long projects were without a success after a failure.
type Recovery struct {
	// MedianSeconds is the median of the recoveries.
	MedianSeconds *float64 `json:"medianSeconds"`
	// Recovered is how many there were.
	Recovered int `json:"recovered"`
	// Ongoing is how many projects have not recovered.
	Ongoing int `json:"ongoing"`
}

// Day is one day, in UTC.
type Day struct {
	// Date is the day, such as 2026-11-25.
	Date string `json:"date"`
	// Successes are those that started on the day and went live.
	Successes int `json:"successes"`
	// Failures are those that did not.
	Failures int `json:"failures"`
	// Canceled are those that were stopped.
	Canceled int `json:"canceled"`
	// MedianSeconds is how long the successes took.
	MedianSeconds *float64 `json:"medianSeconds"`
}

// Definition says what a figure means.
type Definition struct {
	// Name is that of the figure.
	Name string `json:"name"`
	// Meaning is what it counts.
	Meaning string `json:"meaning"`
	// Differs is where it differs from what DORA means by the name, if it does.
	Differs string `json:"differs,omitempty"`
	// Unknown is what it cannot know.
	Unknown string `json:"unknown"`
}
