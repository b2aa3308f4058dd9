package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"gopkg.in/yaml.v3"
)

// maxFile is more than any configuration needs; above it the path is wrong.
const maxFile = 1 << 20

// Faults is everything that is wrong with a configuration, one line each.
type Faults struct {
	File  string
	Lines []string
}

// Error lists the faults, each on its own line.
func (f *Faults) Error() string {
	var b bytes.Buffer
	for i, line := range f.Lines {
		if i > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "%s: %s", f.File, line)
	}
	return b.String()
}

// Find returns the file to read: the named one, else the first standard place
// that exists, else "" for the defaults.
func Find(named string) string {
	if named != "" {
		return named
	}
	for _, path := range []string{"/etc/envoyd/envoyd.yaml", "envoyd.yaml"} {
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	return ""
}

// Load reads and checks the configuration. named is the -config flag, "" for
// the standard places. What is wrong with it comes as *Faults, all at once.
func Load(named string) (*Config, error) {
	file := Find(named)
	if file == "" {
		return Parse("", nil)
	}
	data, err := readLimited(file)
	if err != nil {
		return nil, &Faults{File: file, Lines: []string{err.Error()}}
	}
	return Parse(file, data)
}

func readLimited(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("cannot be read (%w): check the path and that this user may read it", plain(err))
	}
	defer f.Close() //nolint:errcheck // only read
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("cannot be read: %w", plain(err))
	}
	if len(data) > maxFile {
		return nil, errors.New("is larger than 1 MiB: this is not a configuration file of envoyd")
	}
	return data, nil
}

// plain takes the path out of an error, because the line already names it.
func plain(err error) error {
	if e, ok := errors.AsType[*os.PathError](err); ok {
		return e.Err
	}
	return err
}

// Parse checks the text of a configuration. file is only for messages.
func Parse(file string, data []byte) (*Config, error) {
	c := Default()
	c.File = file
	lines := decode(data, &c)
	lines = append(lines, c.readSecrets(os.ReadFile)...)
	lines = append(lines, c.validate()...)
	if len(lines) > 0 {
		name := file
		if name == "" {
			name = "configuration"
		}
		return nil, &Faults{File: name, Lines: lines}
	}
	return &c, nil
}

// decode fills c and returns the faults of form: unknown keys, wrong types,
// several documents.
func decode(data []byte, c *Config) []string {
	d := yaml.NewDecoder(bytes.NewReader(data))
	d.KnownFields(true)
	err := d.Decode(c)
	if errors.Is(err, io.EOF) {
		return nil // empty, or comments only
	}
	var lines []string
	if types, ok := errors.AsType[*yaml.TypeError](err); ok {
		for _, text := range types.Errors {
			lines = append(lines, explain(text))
		}
		return lines
	}
	if err != nil {
		return append(lines, explainSyntax(err))
	}
	var rest yaml.Node
	if err := d.Decode(&rest); !errors.Is(err, io.EOF) {
		lines = append(lines, "holds a second document after '---': put everything into one")
	}
	return lines
}
