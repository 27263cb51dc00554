// Package client is the build step's side of Shipbell, behind the commands
// shipbell notify and shipbell exec: it finds out what is being deployed and
// pushes that to the server.
//
// Its one rule: a notification never stands in the way of a deployment. The
// whole work has one time budget, every failure ends as a sentence and a hint,
// [Notify] returns an error only where strictness was asked for, and [Exec] ends
// as the command does that it runs.
//
// [Collect] gathers a [Push] from flags, the CI system's variables, git, the
// wrangler configuration and package.json, all of them reached through
// [Surroundings]. [Send] delivers it. Neither runs a shell, and neither prints
// or sends the environment: a build's environment is full of secrets, because
// wrangler loads .env files into it.
//
// # Where the values come from
//
// The first source that has a value wins.
//
//   - Type: flag; pages where CF_PAGES is set, the wrangler configuration has
//     pages_build_output_dir or pages deploy is what runs; otherwise worker.
//   - Project, of a Worker: flag; WRANGLER_CI_OVERRIDE_NAME; wrangler's --name;
//     [env.X].name; name-X; name; then the name in package.json without its
//     scope; CLOUDFLARE_PROJECT_NAME; the directory of the repository. It is the
//     name Cloudflare knows, suffix included, because that is what polling sees.
//   - Project, of Pages: flag; --project-name; the name in a Pages configuration; the second
//     label of the host in CF_PAGES_URL; then as above from package.json on.
//   - Environment: flag; preview for versions upload; wrangler's --env;
//     CLOUDFLARE_ENV; the environment a generated configuration was built for;
//     in a Pages build production for the branches main, master and production
//     and preview for all others; ENVIRONMENT; otherwise production. The Pages
//     rule is a guess: a Pages build is not told which its production branch is.
//   - Commit, branch, tag, message, author, addresses: flag; CI variables; git.
//   - Id: see [Push].
//
// The environment that names the Worker is wrangler's own: its --env or
// CLOUDFLARE_ENV. Where wrangler cannot be seen, an environment given as a flag
// picks the section [env.X] if the configuration has one.
//
// # Wrangler's arguments
//
// Wrangler tells its build command the kind of command in WRANGLER_COMMAND (from
// 4.64 on) and nothing else; above all neither --env nor --dry-run. On Linux the
// arguments are read from the wrangler process among the ancestors. Elsewhere
// a dry run cannot be told from a deployment.
//
// [Exec] reads them from the command that it runs, as far as that is certain, and
// hands them down in a file, together with the identity that it found: a notify
// below it speaks of the same deployment on every system. How the deployment went
// it reads from the file that wrangler writes about itself.
package client
