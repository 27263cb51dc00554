package shipbell

import (
	"fmt"
	"strings"
)

// ProjectType is the kind of a project: a Worker or a Pages project.
type ProjectType string

// The project types.
const (
	Worker ProjectType = "worker"
	Pages  ProjectType = "pages"
)

// ParseProjectType reads a project type. Empty means [Worker], and "page" means
// [Pages]; both are what the clients of the system before Shipbell send. An
// unknown word is [ErrInvalid].
func ParseProjectType(word string) (ProjectType, error) {
	switch strings.ToLower(strings.TrimSpace(word)) {
	case "", "worker", "workers":
		return Worker, nil
	case "pages", "page":
		return Pages, nil
	}
	return "", fmt.Errorf("project type %q: %w: worker or pages", word, ErrInvalid)
}

// KeyKind says what kind of id a key is. It is kept for people; it takes no part
// in identity, because a pushed id often is a build UUID or a version id, and
// the two must meet.
type KeyKind string

// The kinds of keys.
const (
	KeyPushed     KeyKind = "pushed"     // the deploymentId of a push
	KeyBuild      KeyKind = "build"      // a Workers Builds build UUID
	KeyVersion    KeyKind = "version"    // a Workers version id
	KeyDeployment KeyKind = "deployment" // a Workers or Pages deployment id
	KeyShort      KeyKind = "short"      // the short id of a Pages deployment, as its address shows it
)

// Key is an identity of a deployment as some source knows it. Two keys are the
// same when [Key.Identity] is.
type Key struct {
	Type ProjectType `json:"type"`
	Kind KeyKind     `json:"kind"`
	ID   string      `json:"id"`
}

// KeyIdentity is the part of a key that is compared: project type and id.
type KeyIdentity struct {
	Type ProjectType
	ID   string
}

// Identity returns what makes two keys the same. The system before Shipbell
// kept processed ids per project type, and so does this.
func (k Key) Identity() KeyIdentity { return KeyIdentity{Type: k.Type, ID: k.ID} }

// String returns the key as type:id, for logs.
func (k Key) String() string { return string(k.Type) + ":" + k.ID }
