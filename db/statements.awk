# SPDX-License-Identifier: ISC
#
# Compiles db/sql/*.sql into the table of db/statement.h, on stdout:
#
#	awk -f statements.awk a.sql b.sql > statements.c
#
# The form of the files stands in db/statement.h.  Comments are dropped, the
# rest of a statement stays as it is.  Whatever is wrong is told as file:line,
# all of it, and the exit status is 1.

BEGIN {
	known["params"] = known["class"] = known["access"] = 1
	known["result"] = 1
	count = 0	# statements; their fields are indexed 1 to count
	in_head = 0	# between `-- name:` and the first line of SQL
	in_text = 0	# inside a statement's SQL
	state = ""	# what a line of SQL began in: "", ', ", e (E''), *
	failed = 0
}

FNR == 1 {
	end_file()
	file = FILENAME
}

{
	line = FNR
	sub(/\r$/, "")
}

!in_text && /^[ \t]*$/ { next }
!in_text && /^--/ { head_line($0); next }
{ sql_line($0) }

END {
	end_file()
	if (failed)
		exit 1
	print_table()
}

function complain(at, text) {
	print at ": " text > "/dev/stderr"
	failed = 1
}

function here() {
	return file ":" line
}

function trim(s) {
	gsub(/^[ \t]+|[ \t]+$/, "", s)
	return s
}

# A comment line before a statement: an attribute, the rest of one, or prose.
function head_line(s,    key, value) {
	s = trim(substr(s, 3))
	if (more_params) {
		add_params(s)
		return
	}
	if (!match(s, /^[a-z]+:/))
		return
	key = substr(s, 1, RLENGTH - 1)
	value = trim(substr(s, RLENGTH + 1))
	if (key == "name")
		begin(value)
	else if (!in_head)
		complain(here(), "attribute \"" key "\" before \"-- name:\"")
	else if (!(key in known))
		complain(here(), "unknown attribute \"" key "\"")
	else if ((count, key) in given)
		complain(here(), "attribute \"" key "\" given twice")
	else
		attribute(key, value)
}

function begin(value) {
	if (in_head)
		complain(where[count], "statement " name[count] " has no SQL")
	count++
	name[count] = value
	where[count] = here()
	text[count] = ""
	nparams[count] = 0
	slow[count] = reads[count] = binary[count] = "false"
	in_head = 1
	if (value !~ /^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+$/ || length(value) > 60)
		complain(here(), "bad statement name \"" value "\"")
	else if (value in first)
		complain(here(), "statement " value " is also at " first[value])
	else
		first[value] = here()
}

function attribute(key, value) {
	given[count, key] = 1
	if (key == "params") {
		add_params(value)
	} else if (key == "class") {
		if (value != "slow" && value != "fast")
			complain(here(), "class is fast or slow")
		slow[count] = (value == "slow") ? "true" : "false"
	} else if (key == "result") {
		if (value != "binary" && value != "text")
			complain(here(), "result is binary or text")
		binary[count] = (value == "binary") ? "true" : "false"
	} else {
		if (value != "read" && value != "write")
			complain(here(), "access is read or write")
		reads[count] = (value == "read") ? "true" : "false"
	}
}

# One line of the list; a comma at its end means that it goes on.
function add_params(s,    n, i, part) {
	more_params = sub(/,[ \t]*$/, "", s)
	if (s == "")
		return
	n = split(s, part, ",")
	for (i = 1; i <= n; i++) {
		part[i] = trim(part[i])
		if (part[i] !~ /^[a-z][a-z0-9_]*$/)
			complain(here(), "bad parameter name \"" part[i] "\"")
		else if ((count, part[i]) in has_param)
			complain(here(), "parameter " part[i] " named twice")
		has_param[count, part[i]] = 1
		param[count, ++nparams[count]] = part[i]
	}
}

# A line of SQL: up to the `;` that ends the statement.
function sql_line(s,    clean) {
	if (!in_text && !in_head) {
		complain(here(), "SQL without \"-- name:\" before it")
		begin("unnamed.statement_" ++unnamed)
		given[count, "params"] = loose[count] = 1
	}
	if (in_head) {
		in_head = more_params = 0
		in_text = 1
		if (!((count, "params") in given))
			complain(where[count], "statement " name[count] \
			    " has no \"-- params:\"")
	}
	clean = scan(s)
	if (state == "")
		sub(/[ \t]+$/, "", clean)
	if (clean != "" || state != "")
		text[count] = text[count] clean "\n"
	if (!in_text)
		check_statement()
}

# Walks over the characters of one line, with `state` carried from line to
# line.  Returns it without comments; at the ending `;` in_text becomes 0.
function scan(s,    out, i, c, two, n) {
	out = ""
	n = length(s)
	for (i = 1; i <= n; i++) {
		c = substr(s, i, 1)
		two = substr(s, i, 2)
		if (state == "*") {
			if (two == "*/") {
				state = ""
				i++
			}
			continue
		}
		if (state != "") {
			if (state == "e" && c == "\\") {
				out = out c
				c = substr(s, ++i, 1)
			} else if (c == (state == "e" ? "'" : state)) {
				state = ""
			}
			out = out c
			continue
		}
		if (two == "--")
			break
		if (two == "/*") {
			state = "*"
			i++
			out = out " "
			continue
		}
		if (c == ";") {
			in_text = 0
			check_rest(substr(s, i + 1))
			break
		}
		if (c == "'" && out ~ /(^|[^a-zA-Z0-9_])[eE]$/)
			state = "e"
		else if (c == "'" || c == "\"")
			state = c
		else if (c == "$" && out !~ /[a-zA-Z0-9_]$/)
			use_param(substr(s, i + 1))
		out = out c
	}
	return out
}

function check_rest(s) {
	s = trim(s)
	if (s != "" && s !~ /^--/)
		complain(here(), "text after the end of statement " name[count])
}

function use_param(s) {
	if (!match(s, /^[0-9]+/)) {
		complain(here(), "$ that is no parameter " \
		    "(functions belong into migrations)")
		return
	}
	s = substr(s, 1, RLENGTH) + 0
	used[count, s] = 1
	if ((s < 1 || s > nparams[count]) && !loose[count])
		complain(here(), "$" s " in " name[count] ", which has " \
		    nparams[count] " params")
}

function check_statement(    i) {
	if (trim(text[count]) ~ /^\n*$/)
		complain(where[count], "statement " name[count] " has no SQL")
	for (i = 1; i <= nparams[count]; i++)
		if (!((count, i) in used))
			complain(where[count], "param " param[count, i] " ($" \
			    i ") of " name[count] " is not used")
}

function end_file() {
	if (in_head || in_text)
		complain(where[count], "statement " name[count] \
		    (in_text ? " has no \";\"" : " has no SQL"))
	in_head = in_text = more_params = 0
	state = ""
}

# `s` as C string literals, one for each line.
function quoted(s,    n, i, lines, out) {
	gsub(/\\/, "&&", s)
	gsub(/"/, "\\\"", s)
	gsub(/\?/, "\\?", s)	# no trigraphs
	gsub(/\t/, "\\t", s)
	sub(/\n+$/, "", s)
	n = split(s, lines, "\n")
	out = ""
	for (i = 1; i <= n; i++)
		out = out "\n\t    \"" lines[i] (i < n ? "\\n" : "") "\""
	return out
}

# Prints in the order of the names, which db_statement_find() relies on.
function print_table(    i, j, k, order) {
	for (i = 1; i <= count; i++) {
		for (j = i - 1; j > 0 && name[order[j]] > name[i]; j--)
			order[j + 1] = order[j]
		order[j + 1] = i
	}
	print "/* Made from db/sql by db/statements.awk: do not edit. */"
	print ""
	print "#include \"db/statement_table.h\""
	print ""
	for (i = 1; i <= count; i++) {
		k = order[i]
		if (nparams[k] == 0)
			continue
		printf "static const char *const params_%d[] = {", i
		for (j = 1; j <= nparams[k]; j++)
			printf "%s \"%s\"", (j > 1 ? "," : ""), param[k, j]
		print " };"
	}
	print ""
	print "static const struct db_statement table[] = {"
	for (i = 1; i <= count; i++) {
		k = order[i]
		sub(/^.*\//, "", where[k])
		printf "\t{ /* %s */\n", where[k]
		printf "\t    \"%s\",%s,\n", name[k], quoted(text[k])
		if (nparams[k] > 0)
			printf "\t    params_%d", i
		else
			printf "\t    NULL"
		printf ", %d, %s, %s, %s },\n", nparams[k], slow[k], reads[k], \
		    binary[k]
	}
	# The closing row keeps an empty table legal C.
	print "\t{ NULL, NULL, NULL, 0, false, false, false },"
	print "};"
	print ""
	print "const struct db_statement *"
	print "db_statement_table(size_t *len)"
	print "{"
	print "\t*len = " count ";"
	print "\treturn (table);"
	print "}"
}
