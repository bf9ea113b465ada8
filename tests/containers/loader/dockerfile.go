package main

import (
	"os"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

// stages are those of a Dockerfile: their names and what they begin with, as BuildKit reads them.
func stages(path string) ([][2]string, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	parsed, err := parser.Parse(file)
	if err != nil {
		return nil, err
	}
	found, _, err := instructions.Parse(parsed.AST, nil)
	if err != nil {
		return nil, err
	}
	names := [][2]string{}
	for _, stage := range found {
		names = append(names, [2]string{stage.Name, stage.BaseName})
	}
	return names, nil
}
