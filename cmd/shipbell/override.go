package main

import "github.com/shipbell/shipbell/internal/client"

// overrides are the flags that go before all that is found, of every command that
// tells of a deployment.
type overrides struct {
	Type        string `help:"Project type: worker or pages." placeholder:"TYPE"`
	Project     string `help:"Name of the project." placeholder:"NAME"`
	Environment string `help:"Environment that is deployed to." short:"e" placeholder:"NAME"`
	ID          string `help:"Id of the deployment; a retry must give the same." placeholder:"ID"`
	Branch      string `help:"Branch." placeholder:"NAME"`
	Commit      string `help:"Full commit hash." placeholder:"HASH"`
	Message     string `help:"Commit message." placeholder:"TEXT"`
	Author      string `help:"Author of the commit." placeholder:"NAME"`
	Tag         string `help:"Tag or version." placeholder:"NAME"`
	URL         string `name:"url" help:"Where the deployment answers." placeholder:"URL"`
	LogURL      string `name:"log-url" help:"Where the build log is." placeholder:"URL"`
	Repository  string `name:"repository-url" help:"Web address of the repository." placeholder:"URL"`
	CI          string `name:"ci" help:"Whether this runs in CI: true or false." placeholder:"BOOL"`
	Config      string `help:"Wrangler configuration; searched upwards unless given." short:"c" placeholder:"FILE" type:"path"`
}

func (o overrides) client() client.Overrides {
	return client.Overrides{
		Type: o.Type, Project: o.Project, Environment: o.Environment, ID: o.ID, Branch: o.Branch,
		Commit: o.Commit, Message: o.Message, Author: o.Author, Tag: o.Tag, URL: o.URL, LogURL: o.LogURL,
		RepositoryURL: o.Repository, CI: o.CI, ConfigFile: o.Config,
	}
}
