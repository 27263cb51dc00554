package insight

import (
	"time"

	"github.com/shipbell/shipbell"
)

// Report is the answer to a query. A deployment belongs to the window, and to the
// day, in which it started.
type Report struct {
	Type        shipbell.ProjectType `json:"type,omitempty"`    // empty: all
	Project     string               `json:"project,omitempty"` // empty: all
	Environment string               `json:"environment"`
	Days        int                  `json:"days"`
	From        time.Time            `json:"from"` // the first day's start
	To          time.Time            `json:"to"`   // the last day's end: the day is not over
	ComputedAt  time.Time            `json:"computedAt"`
	// NotYetCounted is how many deployments the lists lack, as after an update of
	// Shipbell; they are in no number.
	NotYetCounted int     `json:"notYetCounted"`
	Total         Figures `json:"total"`
	// Projects has a row for each project and environment, those with the most
	// deployments first.
	Projects []Row `json:"projects"`
	// ProjectsLeftOut is how many rows there are beyond those. The total has them.
	ProjectsLeftOut int          `json:"projectsLeftOut"`
	Series          []Day        `json:"series"` // one for each day, the oldest first
	Definitions     []Definition `json:"definitions"`
}

// Row is what is known of one environment of a project.
type Row struct {
	Type        shipbell.ProjectType `json:"type"`
	Project     string               `json:"project"`
	Environment string               `json:"environment"`
	Figures
}

// Figures are the numbers. A pointer is nil where there is nothing to make its
// number of.
type Figures struct {
	// Deployments is how many finished: the successes, the failures and those that
	// were canceled.
	Deployments int `json:"deployments"`
	Successes   int `json:"successes"`
	Failures    int `json:"failures"`
	Canceled    int `json:"canceled"`
	// WithoutOutcome is how many started of which no end is known.
	WithoutOutcome int `json:"withoutOutcome"`
	// DeploymentsPerDay is the deployment frequency: the successes by the days of the
	// window.
	DeploymentsPerDay float64      `json:"deploymentsPerDay"`
	LeadTime          Lengths      `json:"leadTime"`
	ChangeFailureRate *float64     `json:"changeFailureRate"` // 0 to 1
	RecoveryTime      RecoveryTime `json:"recoveryTime"`
	Duration          Duration     `json:"duration"`
}

// Lengths sums up lengths of time that are known of some of the successes.
type Lengths struct {
	MedianSeconds *float64 `json:"medianSeconds"`
	P90Seconds    *float64 `json:"p90Seconds"`
	Known         int      `json:"known"`
	Of            int      `json:"of"`
}

// Duration is how long the successes took.
type Duration struct {
	Lengths
	// MedianBeforeSeconds is the median of the window before this one.
	MedianBeforeSeconds *float64 `json:"medianBeforeSeconds"`
}

// RecoveryTime is how long it was from a first failure to the next success.
type RecoveryTime struct {
	MedianSeconds *float64 `json:"medianSeconds"`
	Recovered     int      `json:"recovered"`
	// NotRecovered is how many environments of projects have not succeeded since they
	// failed in this window.
	NotRecovered int `json:"notRecovered"`
}

// Day is one day of a series, in UTC.
type Day struct {
	Date      string `json:"date"` // such as 2026-11-25
	Successes int    `json:"successes"`
	Failures  int    `json:"failures"`
	// MedianSeconds is how long the successes took.
	MedianSeconds *float64 `json:"medianSeconds"`
}
