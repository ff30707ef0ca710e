-- SPDX-License-Identifier: ISC
-- As if the cluster had been in use: 2 GB of the write-ahead log's files, which
-- a checkpoint keeps for use again (min_wal_size).  In a new cluster commits
-- wait while each is made, 16 MB at a time.
do $$
begin
	for i in 1..128 loop
		perform pg_logical_emit_message(false, 'bench', '');
		perform pg_switch_wal();
	end loop;
end $$;
checkpoint;
