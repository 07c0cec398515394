"""outbox

Revision ID: 0004
Revises: 0003
"""
import sqlalchemy as sa
from alembic import op

revision = '0004'
down_revision = '0003'
branch_labels = None
depends_on = None


_ROW_NUMBER = sa.BigInteger().with_variant(sa.Integer(), 'sqlite')
_OLD_STATES = "state IN ('queued', 'sent', 'dead')"
_STATES = "state IN ('queued', 'stored', 'sent', 'dead', 'dropped')"


def upgrade() -> None:
    with op.batch_alter_table('delivery', schema=None) as batch_op:
        batch_op.add_column(sa.Column('purpose', sa.String(length=16), server_default='result', nullable=False))
        batch_op.add_column(sa.Column('priority', sa.Integer(), server_default='0', nullable=False))
        batch_op.add_column(sa.Column('refusals', sa.Integer(), server_default='0', nullable=False))
        batch_op.add_column(sa.Column('failing_since', sa.Double(), nullable=True))
        batch_op.add_column(sa.Column('stored_at', sa.Double(), nullable=True))
        batch_op.add_column(sa.Column('sop_class_uid', sa.String(length=64), nullable=True))
        batch_op.add_column(sa.Column('commitment_uid', sa.String(length=64), nullable=True))
        batch_op.add_column(sa.Column('commitment_asked_at', sa.Double(), nullable=True))
        batch_op.add_column(sa.Column('commitment_rounds', sa.Integer(), server_default='0', nullable=False))
        batch_op.drop_constraint(op.f('ck_delivery_state'), type_='check')
        batch_op.create_check_constraint(op.f('ck_delivery_state'), _STATES)
        batch_op.create_check_constraint(op.f('ck_delivery_purpose'), "purpose IN ('result', 'forward')")
        batch_op.create_index('ix_delivery_peer_state_due_at', ['peer', 'state', 'due_at'], unique=False)

    op.create_table('commitment',
    sa.Column('transaction_uid', sa.String(length=64), nullable=False),
    sa.Column('delivery_id', _ROW_NUMBER, nullable=False),
    sa.Column('created_at', sa.Double(), nullable=False),
    sa.ForeignKeyConstraint(['delivery_id'], ['delivery.id'], name=op.f('fk_commitment_delivery_id_delivery')),
    sa.PrimaryKeyConstraint('transaction_uid', 'delivery_id', name=op.f('pk_commitment'))
    )
    with op.batch_alter_table('commitment', schema=None) as batch_op:
        batch_op.create_index('ix_commitment_delivery_id', ['delivery_id'], unique=False)


def downgrade() -> None:
    op.drop_table('commitment')
    # What the older schema has no word for: sent, as far as it knows; given up.
    op.execute("UPDATE delivery SET state = 'sent', sent_at = stored_at WHERE state = 'stored'")
    op.execute("UPDATE delivery SET state = 'dead' WHERE state = 'dropped'")
    with op.batch_alter_table('delivery', schema=None) as batch_op:
        batch_op.drop_index('ix_delivery_peer_state_due_at')
        batch_op.drop_constraint(op.f('ck_delivery_purpose'), type_='check')
        batch_op.drop_constraint(op.f('ck_delivery_state'), type_='check')
        batch_op.create_check_constraint(op.f('ck_delivery_state'), _OLD_STATES)
        for name in (
            'commitment_rounds', 'commitment_asked_at', 'commitment_uid', 'sop_class_uid',
            'stored_at', 'failing_since', 'refusals', 'priority', 'purpose',
        ):
            batch_op.drop_column(name)
