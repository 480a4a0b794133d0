// Command verify reads a vault's log with Go's own signed notes and Merkle trees (golang.org/x/mod/sumdb) and prints what it found as JSON.
//
//	verify note VKEY FILE                                    the text and signers of a note
//	verify inclusion SIZE ROOT INDEX ENTRY-FILE PROOF...     whether the entry is under the root
//	verify consistency OLD-SIZE OLD-ROOT SIZE ROOT PROOF...  whether one tree is a prefix of the other
//
// Hashes are hex. Exit code 0 whether or not it verifies: the answer is in {"ok": ..., "error": ...}; 2 for wrong arguments.
package main

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type result struct {
	OK     bool     `json:"ok"`
	Error  string   `json:"error,omitempty"`
	Text   string   `json:"text,omitempty"`
	Signed []string `json:"signed,omitempty"`
}

func fatal(err error) {
	fmt.Fprintln(os.Stderr, "verify:", err)
	os.Exit(2)
}

func number(text string) int64 {
	value, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		fatal(err)
	}
	return value
}

func hash(text string) (found tlog.Hash) {
	raw, err := hex.DecodeString(text)
	if err != nil || len(raw) != tlog.HashSize {
		fatal(fmt.Errorf("not a hash"))
	}
	copy(found[:], raw)
	return found
}

func hashes(texts []string) (found []tlog.Hash) {
	for _, text := range texts {
		found = append(found, hash(text))
	}
	return found
}

func read(path string) []byte {
	raw, err := os.ReadFile(path)
	if err != nil {
		fatal(err)
	}
	return raw
}

func outcome(err error) result {
	if err != nil {
		return result{Error: err.Error()}
	}
	return result{OK: true}
}

func openNote(vkey string, raw []byte) result {
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return outcome(err)
	}
	opened, err := note.Open(raw, note.VerifierList(verifier))
	if err != nil {
		return outcome(err)
	}
	found := result{OK: true, Text: opened.Text}
	for _, signature := range opened.Sigs {
		found.Signed = append(found.Signed, signature.Name)
	}
	return found
}

func main() {
	if len(os.Args) < 4 {
		fatal(fmt.Errorf("too few arguments"))
	}
	var found result
	switch arguments := os.Args[2:]; {
	case os.Args[1] == "note" && len(arguments) == 2:
		found = openNote(arguments[0], read(arguments[1]))
	case os.Args[1] == "inclusion" && len(arguments) >= 4:
		leaf := tlog.RecordHash(read(arguments[3]))
		found = outcome(tlog.CheckRecord(hashes(arguments[4:]), number(arguments[0]), hash(arguments[1]), number(arguments[2]), leaf))
	case os.Args[1] == "consistency" && len(arguments) >= 4:
		found = outcome(tlog.CheckTree(hashes(arguments[4:]), number(arguments[2]), hash(arguments[3]), number(arguments[0]), hash(arguments[1])))
	default:
		fatal(fmt.Errorf("unknown command or number of arguments"))
	}
	if err := json.NewEncoder(os.Stdout).Encode(found); err != nil {
		fatal(err)
	}
}
