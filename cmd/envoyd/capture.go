package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"

	"envoyd/internal/capture"
)

// recorders is what the capture command needs.
type recorders interface {
	Capture(ctx context.Context, serial string) (capture.Recording, error)
}

func captureCommand(fs *flag.FlagSet) action {
	serial := fs.String("gateway", "", "`serial` of the gateway, when there are several")
	yes := fs.Bool("yes", false, "write without asking")
	return func(ctx context.Context, env *environment) error {
		if len(env.args) != 1 || env.args[0] == "" {
			fmt.Fprintln(env.err, "usage: envoyd capture DIR [-gateway SERIAL] [-yes]")
			return errUsage
		}
		dir := env.args[0]
		if err := capture.Vacant(dir); err != nil {
			return err // before the gateway is troubled
		}
		cfg, err := env.load()
		if err != nil {
			return err
		}
		gateway, done, err := beside[recorders](ctx, env, cfg)
		if err != nil {
			return err
		}
		defer done()
		fmt.Fprintln(env.err, "Asking the gateway for each of its pages, gently: this takes some minutes.")
		recording, err := gateway.Capture(ctx, *serial)
		if err != nil {
			return err
		}
		return decideRecording(env, recording, dir, *yes)
	}
}

// decideRecording shows what would be written and writes it after a yes.
func decideRecording(env *environment, r capture.Recording, dir string, yes bool) error {
	showRecording(env.out, r)
	if !yes {
		fmt.Fprintf(env.out, "Write to %s? [y/N] ", dir)
		answer, _ := bufio.NewReader(env.in).ReadString('\n') // nothing is no
		if a := strings.ToLower(strings.TrimSpace(answer)); a != "y" && a != "yes" {
			return errors.New("nothing was written")
		}
	}
	if err := r.Write(dir); err != nil {
		return err
	}
	fmt.Fprintf(env.out, "Written to %s.\n", dir)
	return nil
}

// showRecording lists each text that was kept, file by file, and each name.
func showRecording(w io.Writer, r capture.Recording) {
	for _, f := range r.Files {
		fmt.Fprintf(w, "%-34s %d, %d bytes, %d replaced\n", f.Name, f.Status, len(f.Body), f.Replaced)
		if len(f.Kept) > 0 {
			fmt.Fprintf(w, "    kept: %s\n", strings.Join(f.Kept, ", "))
		}
	}
	fmt.Fprintf(w, "\nNames of fields kept: %s\n", strings.Join(r.Names, ", "))
	for _, s := range r.Silent {
		fmt.Fprintf(w, "No answer, left out: %s (%s)\n", s.Path, s.Why)
	}
	fmt.Fprintln(w, "\nNumbers and times of measurements are kept as well. Of everything else only what is listed here will be in the files.")
}
