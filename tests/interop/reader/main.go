// Command reader reads segments and the log of a vault. It was written from docs/formats alone and uses Go's standard library alone.
//
//	reader vectors FILE...                          each known-answer vector (docs/formats/vectors.md): a JSON line {"file", "test", "outcome", "reason"}
//	reader header FILE                              what a header says
//	reader rows HEADER MANIFEST ROWS SUBKEYS SID... the rows of each sid; SUBKEYS is a file of lines "<mask> <subkey in hex>"
//	reader entry LOG VKEY INDEX                     an entry of the log in a folder, proven to be under its checkpoint
//
// "outcome" is what a vector's expect: says (ok, parse, verify), or "differs" if a value is not the one in the file, or "unknown" for a test of other pages.
// The other commands end with 2 for malformed bytes and with 3 for what does not hold.
package main

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

func fail(err error) {
	fmt.Fprintln(os.Stderr, "reader:", err)
	if errors.As(err, new(malformed)) {
		os.Exit(2)
	}
	os.Exit(3)
}

func must[T any](value T, err error) T {
	if err != nil {
		fail(err)
	}
	return value
}

func show(value any) {
	if err := json.NewEncoder(os.Stdout).Encode(value); err != nil {
		fail(err)
	}
}

func readSubkeys(path string) (map[int][]byte, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	subkeys := map[int][]byte{}
	for _, line := range strings.Split(strings.TrimSuffix(string(raw), "\n"), "\n") {
		mask, text, _ := strings.Cut(line, " ")
		clause, err := strconv.Atoi(mask)
		if err != nil {
			return nil, err
		}
		if subkeys[clause], err = hex.DecodeString(text); err != nil || len(subkeys[clause]) != 32 {
			return nil, malformed{"a subkey that is not 32 bytes in hex"}
		}
	}
	return subkeys, nil
}

func main() {
	if len(os.Args) < 3 {
		fail(malformed{"too few arguments"})
	}
	switch arguments := os.Args[2:]; {
	case os.Args[1] == "vectors":
		for _, path := range arguments {
			vector := must(readVector(path))
			outcome, reason := vector.run()
			show(map[string]string{"file": filepath.Base(path), "test": vector.test, "outcome": outcome, "reason": reason})
		}
	case os.Args[1] == "header" && len(arguments) == 1:
		show(must(parseHeader(must(os.ReadFile(arguments[0])), false)))
	case os.Args[1] == "rows" && len(arguments) >= 5:
		header, manifest, rows := must(os.ReadFile(arguments[0])), must(os.ReadFile(arguments[1])), must(os.ReadFile(arguments[2]))
		segment := must(openSegment(header, manifest, rows, must(readSubkeys(arguments[3]))))
		for _, text := range arguments[4:] {
			sid := must(hex.DecodeString(text))
			if len(sid) != 16 {
				fail(malformed{"a sid has 16 bytes"})
			}
			show(must(segment.rowsOf(sid)))
		}
	case os.Args[1] == "entry" && len(arguments) == 3:
		read := func(name string) ([]byte, error) {
			return os.ReadFile(filepath.Join(arguments[0], filepath.FromSlash(name)))
		}
		entry := must(readEntry(read, must(parseVkey(arguments[1])), must(strconv.Atoi(arguments[2]))))
		if _, err := bytes.NewReader(entry).WriteTo(os.Stdout); err != nil {
			fail(err)
		}
	default:
		fail(malformed{"unknown command or number of arguments"})
	}
}
