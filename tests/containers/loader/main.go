// Reads files with the parsers of those who run them, and prints as JSON what they found:
//
//	loader compose FILE…       a project, by compose-spec's own loader, as `docker compose` does
//	loader dockerfile FILE     the stages of a Dockerfile, by BuildKit's parser
//
// (compose-go's own command does not hand the environment on, so that it can not load a file with a required variable.)
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/compose-spec/compose-go/v2/cli"
)

func main() {
	found, err := read(os.Args[1], os.Args[2:])
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(found)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func read(kind string, files []string) (any, error) {
	if kind == "dockerfile" {
		return stages(files[0])
	}
	options, err := cli.NewProjectOptions(files, cli.WithOsEnv, cli.WithProfiles([]string{"*"}))
	if err != nil {
		return nil, err
	}
	return options.LoadProject(context.Background())
}
