package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"

	"envoyd/internal/config"
	"envoyd/internal/fault"
)

// Exit statuses. 78 is EX_CONFIG: systemd does not restart after it.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
	exitConfig = 78
)

// stdio is where a command reads and writes.
type stdio struct {
	in  io.Reader
	out io.Writer
	err io.Writer
}

// command is one subcommand. Its flags are set up by flags, which returns the
// function that does the work.
type command struct {
	name, args, does string
	flags            func(fs *flag.FlagSet) action
}

// action does the work of a command.
type action func(ctx context.Context, env *environment) error

// environment is what every command has.
type environment struct {
	stdio
	configFile string
	args       []string
	log        *slog.Logger
}

// load reads the configuration.
func (e *environment) load() (*config.Config, error) { return config.Load(e.configFile) }

func commands() []command {
	return []command{
		{"run", "", "the daemon", runCommand},
		{"read", "", "one reading per gateway", readCommand},
		{"discover", "", "gateways on the network", discoverCommand},
		{"token", "login|show|renew|set", "the gateway's token", tokenCommand},
		{"trust", "", "the gateway's key", trustCommand},
		{"connect", "enlighten", "the owner's consent to the cloud", connectCommand},
		{"capture", "DIR", "record the gateway's answers, anonymised", captureCommand},
		{"check", "", "try every configured part", checkCommand},
		{"version", "", "version and platform", versionCommand},
	}
}

// errUsage is a wrong command line, already explained; errSilent a failure
// that has already been said.
var (
	errUsage  = errors.New("usage")
	errSilent = errors.New("failed")
)

// run runs the command line and returns the exit status.
func run(ctx context.Context, args []string, io stdio) int {
	if len(args) == 0 {
		usage(io.err)
		return exitUsage
	}
	if slices.Contains([]string{"help", "-h", "-help", "--help"}, args[0]) {
		usage(io.out)
		return exitOK
	}
	for _, c := range commands() {
		if c.name == args[0] {
			return status(io, c.run(ctx, args[1:], io))
		}
	}
	fmt.Fprintf(io.err, "envoyd: unknown command %q\n", args[0])
	usage(io.err)
	return exitUsage
}

func (c command) run(ctx context.Context, args []string, io stdio) error {
	env := &environment{stdio: io}
	fs := flag.NewFlagSet("envoyd "+c.name, flag.ContinueOnError)
	var said bytes.Buffer
	fs.SetOutput(&said)
	fs.Usage = func() { c.usage(fs) }
	fs.StringVar(&env.configFile, "config", "", "configuration `file` (default /etc/envoyd/envoyd.yaml, else ./envoyd.yaml)")
	level := slog.LevelWarn // a command prints its result
	if c.name == "run" {
		level = slog.LevelInfo
	}
	fs.Func("log-level", fmt.Sprintf("`level`: debug, info, warn or error (default %s)", strings.ToLower(level.String())), func(text string) error {
		if !slices.Contains([]string{"debug", "info", "warn", "error"}, text) {
			return errors.New("it is one of debug, info, warn, error")
		}
		return level.UnmarshalText([]byte(text))
	})
	act := c.flags(fs)
	var words []string
	for {
		if err := fs.Parse(args); err != nil {
			if errors.Is(err, flag.ErrHelp) {
				_, err := said.WriteTo(io.out) // somebody asked: this is the result
				return err
			}
			_, _ = said.WriteTo(io.err) // nothing more can be said
			return errUsage
		}
		if fs.NArg() == 0 {
			break
		}
		words, args = append(words, fs.Arg(0)), fs.Args()[1:] // flags may stand behind words
	}
	if c.args == "" && len(words) > 0 {
		fmt.Fprintf(io.err, "envoyd %s: unexpected %q\n", c.name, words[0])
		return errUsage
	}
	env.args = words
	env.log = newLogger(io.err, level)
	return act(ctx, env)
}

// usage explains one command.
func (c command) usage(fs *flag.FlagSet) {
	fmt.Fprintf(fs.Output(), "usage: %s: %s\n", strings.TrimSpace("envoyd "+c.name+" "+c.args), c.does)
	fs.PrintDefaults()
}

// status decides every exit status, here and nowhere else.
func status(io stdio, err error) int {
	faults, bad := errors.AsType[*config.Faults](err)
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errUsage):
		return exitUsage
	case bad:
		fmt.Fprintln(io.err, faults)
		return exitConfig
	case fault.Is(err, fault.Config) && errors.Is(err, errStart):
		say(io.err, err)
		return exitConfig
	case errors.Is(err, errSilent):
		return exitFailed
	}
	say(io.err, err)
	return exitFailed
}

// say prints an error and what to do.
func say(w io.Writer, err error) {
	fmt.Fprintf(w, "envoyd: %v\n", err)
	if mend := fault.Mend(err); mend != "" {
		fmt.Fprintln(w, mend)
	}
}

func usage(w io.Writer) {
	var b strings.Builder
	b.WriteString("usage: envoyd COMMAND [-config FILE] [-log-level LEVEL] …\n\n")
	for _, c := range commands() {
		fmt.Fprintf(&b, "  %-32s %s\n", strings.TrimSpace(c.name+" "+c.args), c.does)
	}
	b.WriteString("\nenvoyd COMMAND -h lists a command's flags.\n")
	fmt.Fprint(w, b.String())
}

// interactive reports whether somebody sits at the other end.
func interactive(r io.Reader) (*os.File, bool) {
	f, ok := r.(*os.File)
	if !ok {
		return nil, false
	}
	info, err := f.Stat()
	return f, err == nil && info.Mode()&os.ModeCharDevice != 0
}
